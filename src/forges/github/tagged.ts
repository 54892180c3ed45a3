import { statusOf } from "./failure.js";

/** How many answers are kept. */
const MOST = 500;

interface Answer<T> {
  readonly data: T;
  readonly headers: { readonly etag?: string | undefined };
}

/** Asks with the tag of the last answer: where nothing changed GitHub answers 304, which costs nothing of the rate limit. */
export function tagged<T>() {
  const known = new Map<string, { readonly etag: string; readonly data: T }>();
  /** @param key tells what is asked apart from everything else that is */
  return async (key: string, ask: (headers: Readonly<Record<string, string>>) => Promise<Answer<T>>): Promise<T> => {
    const before = known.get(key);
    try {
      const { data, headers } = await ask(before === undefined ? {} : { "if-none-match": before.etag });
      if (known.size >= MOST) known.clear();
      if (headers.etag !== undefined) known.set(key, { etag: headers.etag, data });
      return data;
    } catch (error) {
      if (statusOf(error) === 304 && before !== undefined) return before.data;
      throw error;
    }
  };
}
