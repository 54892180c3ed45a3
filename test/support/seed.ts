import fc from "fast-check";

/**
 * A change is judged by its own merit: the same random cases every time, unless asked for others (`SEED=random`, or a number
 * to see a failure again). New cases are looked for by the nightly workflow, so that a find is nobody's red build.
 */
const { SEED: seed = "20261121" } = process.env;
fc.configureGlobal({ ...fc.readConfigureGlobal(), ...(seed === "random" ? {} : { seed: Number(seed) }) });
