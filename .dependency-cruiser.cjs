/** The import rules of the house: which folder may know which. `npm run boundaries` checks them. */
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
    {
      name: "lib-knows-only-core",
      severity: "error",
      from: { path: "^src/lib/" },
      to: { path: "^src/(?!lib/|core/)" },
    },
    {
      name: "formats-know-core-and-lib",
      severity: "error",
      from: { path: "^src/formats/" },
      to: { path: "^src/(?!formats/|lib/|core/)" },
    },
    {
      name: "git-knows-core-and-lib",
      severity: "error",
      from: { path: "^src/git/" },
      to: { path: "^src/(?!git/|lib/|core/)" },
    },
    {
      name: "store-knows-core-and-lib",
      severity: "error",
      from: { path: "^src/store/" },
      to: { path: "^src/(?!store/|lib/|core/)" },
    },
    {
      name: "targets-know-core-formats-and-lib",
      severity: "error",
      from: { path: "^src/targets/" },
      to: { path: "^src/(?!targets/|formats/|lib/|core/)" },
    },
    {
      name: "an-adapter-knows-no-other",
      comment: "targets/postgres/ is what both kinds of Postgres target share; it knows neither.",
      severity: "error",
      from: { path: "^src/targets/([^/]+)/" },
      to: { path: "^src/targets/[^/]+/", pathNot: "^src/targets/($1|postgres)/" },
    },
    {
      name: "only-registries-name-an-adapter",
      severity: "error",
      from: { pathNot: "^src/targets/|^src/demo/" },
      to: { path: "^src/targets/[^/]+/" },
    },
    {
      name: "notifiers-and-forges-know-core-and-lib",
      severity: "error",
      from: { path: "^src/(notifiers|forges)/" },
      to: { path: "^src/(?!notifiers/|forges/|lib/|core/)" },
    },
    {
      name: "a-notifier-or-forge-knows-no-other",
      severity: "error",
      from: { path: "^src/(notifiers|forges)/([^/]+)/" },
      to: { path: "^src/(notifiers|forges)/[^/]+/", pathNot: "^src/$1/$2/" },
    },
    {
      name: "only-their-registries-name-them",
      severity: "error",
      from: { pathNot: "^src/(notifiers|forges)/" },
      to: { path: "^src/(notifiers|forges)/[^/]+/" },
    },
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
