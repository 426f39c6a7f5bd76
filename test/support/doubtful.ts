import type { Fault } from './fake-models.ts';

/** Speech of which the model is not sure. */
export function doubtfulSpeech(logprob = -3): Fault {
  return {
    kind: 'change',
    change: (answer: { segments: object[] }) => ({
      ...answer,
      segments: answer.segments.map((segment) => ({ ...segment, avg_logprob: logprob })),
    }),
  };
}

/** A screen with one line of text, of which the model is not sure. */
export function doubtfulScreen(text: string): Fault {
  const unsure = { lines: [{ text, confidence: 0.05, box: { x: 1, y: 1, width: 90, height: 18 } }] };
  return {
    kind: 'change',
    change: (answer: { choices: [{ message: object }] }) => {
      const [choice] = answer.choices;
      return { ...answer, choices: [{ ...choice, message: { role: 'assistant', content: JSON.stringify(unsure) } }] };
    },
  };
}
