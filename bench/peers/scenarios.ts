export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly messages: number;
  readonly conversations: number;
  /** Requests under way at a time; with 1 the next message is sent when the last one is reachable. */
  readonly concurrency: number;
}

/** Before what is measured, so that code is compiled, connections are open and pages are in memory. */
export const WARM_UP: Scenario = {
  name: 'warm-up',
  title: 'warm-up',
  messages: 200,
  conversations: 40,
  concurrency: 20,
};

export const SCENARIOS: readonly Scenario[] = [
  { name: 'lone', title: 'lone chats, one at a time', messages: 100, conversations: 100, concurrency: 1 },
  {
    name: 'burst-50',
    title: '1,000 messages in 50 conversations',
    messages: 1_000,
    conversations: 50,
    concurrency: 50,
  },
  {
    name: 'burst-500',
    title: '1,000 messages in 500 conversations',
    messages: 1_000,
    conversations: 500,
    concurrency: 50,
  },
];

/** The burst in whose middle a contender is killed, once for each number of acknowledged messages. */
export const KILL = { messages: 1_000, conversations: 50, concurrency: 50, after: [200, 450, 700] } as const;
