/** The import rules of the house: which folder may know which. `npm run boundaries` checks them. */

/** What a folder may know of src/ beside itself. The folders that are not here may know all but the face. */
const KNOWS = {
  lib: ["core"],
  formats: ["core", "lib"],
  git: ["core", "lib"],
  store: ["core", "lib"],
  targets: ["core", "lib", "formats"],
  notifiers: ["core", "lib"],
  forges: ["core", "lib"],
  probes: ["core", "lib"],
};

/** Folders with one adapter a folder. `shared`: what several of them stand on, which knows none; `also`: who may name one, too. */
const ADAPTERS = {
  targets: { shared: ["postgres"], also: ["demo"] },
  notifiers: { shared: [], also: [] },
  forges: { shared: [], also: [] },
  probes: { shared: [], also: [] },
};

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "core-knows-nobody",
      comment: "core/ is pure: it imports itself and a short list of pure libraries.",
      severity: "error",
      from: { path: "^src/core/" },
      to: { pathNot: "^src/core/|^node_modules/picomatch/" },
    },
    ...Object.entries(KNOWS).map(([own, others]) => ({
      name: `${own}-knows-${others.join("-and-")}`,
      severity: "error",
      from: { path: `^src/${own}/` },
      to: { path: `^src/(?!(${[own, ...others].join("|")})/)` },
    })),
    ...Object.entries(ADAPTERS).flatMap(([own, { shared, also }]) => [
      {
        name: `an-adapter-of-${own}-knows-no-other`,
        severity: "error",
        from: { path: `^src/${own}/([^/]+)/` },
        to: { path: `^src/${own}/[^/]+/`, pathNot: `^src/${own}/(${["$1", ...shared].join("|")})/` },
      },
      {
        name: `only-the-registry-names-an-adapter-of-${own}`,
        severity: "error",
        from: { pathNot: `^src/(${[own, ...also].join("|")})/` },
        to: { path: `^src/${own}/[^/]+/` },
      },
    ]),
    {
      name: "nobody-knows-the-face",
      comment: "cli, server and demo stand on top; nothing imports them.",
      severity: "error",
      from: { pathNot: "^src/(cli|server|demo)/" },
      to: { path: "^src/(cli|server|demo)/" },
    },
    { name: "no-unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-dev-dependency-in-the-product",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/demo/" },
      to: { dependencyTypes: ["npm-dev"] },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
