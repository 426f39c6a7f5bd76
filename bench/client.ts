/** Speaks to the REST API with keep-alive, as a channel does. */
export class BenchClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, apiKey: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#send('POST', path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#send('PUT', path, body);
  }

  get<T>(path: string): Promise<T> {
    return this.#send('GET', path, undefined);
  }

  async #send<T>(method: string, path: string, body: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      headers: this.#headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** The sum of a counter, or of a histogram's count, over labels that match. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`, { headers: this.#headers })).text();
    const lines = text
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
}
