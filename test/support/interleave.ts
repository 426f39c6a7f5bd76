/** Somebody at work: each step is one statement or transaction. */
export type Actor = AsyncGenerator<void, void>;

/** Lets actors take turns, one step at a time; the turns name who of those still at work is next. */
export async function interleave(actors: readonly Actor[], turns: readonly number[]): Promise<void> {
  const atWork = [...actors];
  for (let turn = 0; atWork.length > 0; turn++) {
    const next = (turns[turn] ?? 0) % atWork.length;
    if ((await atWork[next]!.next()).done === true) atWork.splice(next, 1);
  }
}

/** Lets all actors work at the same time. */
export async function atOnce(actors: readonly Actor[]): Promise<void> {
  await Promise.all(actors.map((actor) => interleave([actor], [])));
}

/** An actor that dies after some of its steps. */
export async function* dyingAfter(steps: number, actor: Actor): Actor {
  for (let step = 0; step < steps; step++) {
    if ((await actor.next()).done === true) return;
    yield;
  }
}
