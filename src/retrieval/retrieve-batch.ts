import { EarshotError } from '../domain/errors.ts';
import { errorForLog } from '../observe/log.ts';
import { JoinedEmbeddings } from './joined-embeddings.ts';
import { withQuestionsInTurn } from './questions-in-turn.ts';
import { retrieve, type Answer, type Question, type RetrievalDependencies } from './retrieve.ts';

/** What came of one question of several. */
export interface BatchedAnswer {
  readonly answer: Answer | null;
  /** Why there is no answer. */
  readonly error: { readonly code: string; readonly detail: string } | null;
}

/** Answers questions side by side, in their order, with one request for all their vectors. One that fails fails alone. */
export async function retrieveBatch(
  deps: RetrievalDependencies,
  questions: readonly Question[],
): Promise<BatchedAnswer[]> {
  const database = withQuestionsInTurn(deps.database);
  const joined = new JoinedEmbeddings(deps.embeddings, questions.length);
  return Promise.all(
    questions.map(async (question): Promise<BatchedAnswer> => {
      try {
        const answer = await joined.during(question.mode !== 'text', (embeddings) =>
          retrieve({ ...deps, database, embeddings }, question),
        );
        return { answer, error: null };
      } catch (error) {
        deps.log.warn(errorForLog(error), 'a question of several was not answered');
        if (!(error instanceof EarshotError)) {
          return { answer: null, error: { code: 'database_unavailable', detail: 'an unexpected error' } };
        }
        return { answer: null, error: { code: error.code, detail: error.message } };
      }
    }),
  );
}
