-- A sample of raw objects is drawn from records that have one, also where nearly all are chat messages.
create index interaction_with_object on interaction (tenant, interaction_id) where raw_object is not null;

-- What was made within a time is asked for seldom, and `artifact_by_model` answers it, model by model: not worth an index
-- that every message is written to. Recognitions, which are counted by time all day, keep `artifact_by_time`.
drop index artifact_by_creation;
