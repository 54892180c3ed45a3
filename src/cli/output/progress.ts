import { clearLine, cursorTo } from "node:readline";

export interface Progress {
  readonly show: (message: string) => void;
  readonly clear: () => void;
}

/** One line on stderr that says what goes on, where stderr is a terminal; it shows only when the work takes a while. */
export function progress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { show: ignore, clear: ignore };
  let latest = "";
  let shown = false;
  const draw = (): void => {
    clearLine(stream, 0);
    cursorTo(stream, 0);
    stream.write(latest.slice(0, Math.max(0, stream.columns - 1)));
    shown = true;
  };
  const timer = setTimeout(draw, 300);
  return {
    show(message) {
      latest = message;
      if (shown) draw();
    },
    clear() {
      clearTimeout(timer);
      if (!shown) return;
      clearLine(stream, 0);
      cursorTo(stream, 0);
    },
  };
}

function ignore(): void {
  // A log file wants no progress.
}
