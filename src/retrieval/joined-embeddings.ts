import { EarshotError } from '../domain/errors.ts';
import type { EmbeddingModel, EmbeddingModels, ModelOfVersion } from '../models/ports.ts';

interface Wish {
  readonly model: EmbeddingModel;
  readonly text: string;
  readonly signal: AbortSignal;
  readonly owner: string | undefined;
  resolve(vector: number[]): void;
  reject(error: unknown): void;
}

/**
 * Joins what several questions ask the embedding model into one request, which is sent once each of them has asked or
 * ended. Vectors are remembered only where all are asked for on behalf of one customer.
 */
export class JoinedEmbeddings implements EmbeddingModels {
  readonly #models: EmbeddingModels;
  /** Questions that may still ask. */
  #undecided: number;
  #wishes: Wish[] = [];

  constructor(models: EmbeddingModels, questions: number) {
    this.#models = models;
    this.#undecided = questions;
  }

  of(version: ModelOfVersion): EmbeddingModel {
    const model = this.#models.of(version);
    return {
      ...model,
      embed: (texts, signal, owner) => Promise.all(texts.map((text) => this.#ask(model, text, signal, owner))),
    };
  }

  /** Answers a question that asks for at most one text; one that asks again, in another version, asks alone. */
  async during<T>(needsVector: boolean, question: (embeddings: EmbeddingModels) => Promise<T>): Promise<T> {
    let undecided = true;
    const decide = () => {
      if (undecided) this.#undecided -= 1;
      undecided = false;
      this.#sendIfAllDecided();
    };
    if (!needsVector) decide();
    const embeddings: EmbeddingModels = {
      of: (version) => {
        const model = this.of(version);
        return {
          ...model,
          embed: (texts, signal, owner) => {
            const vectors = model.embed(texts, signal, owner);
            decide();
            return vectors;
          },
        };
      },
    };
    try {
      return await question(embeddings);
    } finally {
      decide();
    }
  }

  #ask(model: EmbeddingModel, text: string, signal: AbortSignal, owner: string | undefined): Promise<number[]> {
    return new Promise((resolve, reject) => this.#wishes.push({ model, text, signal, owner, resolve, reject }));
  }

  #sendIfAllDecided(): void {
    if (this.#undecided > 0 || this.#wishes.length === 0) return;
    const wishes = this.#wishes;
    this.#wishes = [];
    const models = new Map<string, Wish[]>();
    for (const wish of wishes) {
      const name = `${wish.model.dimensions} ${wish.model.model}`;
      models.set(name, [...(models.get(name) ?? []), wish]);
    }
    for (const same of models.values()) void send(same);
  }
}

/** One request for all; when the endpoint refuses it, one for each, so that one bad text fails alone. */
async function send(wishes: readonly Wish[]): Promise<void> {
  const [first] = wishes;
  const owner = wishes.every((each) => each.owner === first!.owner) ? first!.owner : undefined;
  try {
    // All questions began together: their deadlines are the same.
    const vectors = await first!.model.embed(
      wishes.map(({ text }) => text),
      first!.signal,
      owner,
    );
    wishes.forEach((wish, index) => wish.resolve(vectors[index]!));
  } catch (error) {
    const refused = error instanceof EarshotError && error.code === 'model_rejected';
    if (refused && wishes.length > 1) await Promise.all(wishes.map((wish) => send([wish])));
    else wishes.forEach((wish) => wish.reject(error));
  }
}
