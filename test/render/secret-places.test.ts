import { describe, expect, it } from "vitest";
import { secretPlaces } from "../../src/render/secret-places.js";
import { type Path, substitute } from "../../src/render/text.js";
import type { Value } from "../../src/core/value.js";

function placesOf(document: Value, lists = {}, variables = {}) {
  const places = secretPlaces();
  substitute(document, {
    ...{ variables, lists, warn: () => undefined },
    secret: (_: string, __: string, path: Path) => {
      places.add(path);
      return "s3cret";
    },
  });
  return places;
}

describe("secret places", () => {
  it("cover the setting that takes a secret and what is below it, and no other", () => {
    const places = placesOf({ topic: "${secret:json}", other: "x" });
    expect(places.cover("/topic")).toBe(true);
    expect(places.cover("/topic/inner/deep")).toBe(true);
    expect(places.cover("/other")).toBe(false);
    expect(places.cover("/topics")).toBe(false);
    expect(places.cover("")).toBe(false);
  });

  it("cover every position of an ordered list, where an element may have moved to", () => {
    const places = placesOf({ peers: ["a", "${secret:peer}"], servers: [{ host: "a", login: "${secret:login}" }] });
    expect(places.cover("/peers/0")).toBe(true);
    expect(places.cover("/peers/7")).toBe(true);
    expect(places.cover("/servers/3/login")).toBe(true);
    expect(places.cover("/servers/3/host")).toBe(false);
  });

  it("are named by what the key of an element becomes", () => {
    const document = { users: [{ id: "${site}", note: "${secret:note}" }] };
    const places = placesOf(document, { "/users": { key: "id" } }, { site: "north" });
    expect(places.cover("/users/north/note")).toBe(true);
    expect(places.cover("/users/north/id")).toBe(false);
  });

  it("are never the key of an element, which would be shown everywhere", () => {
    const document = { users: [{ id: "${secret:who}", note: "x" }] };
    expect(() => placesOf(document, { "/users": { key: "id" } })).toThrow(
      expect.objectContaining({ code: "DOCUMENT_INVALID", message: "an element of /users has a secret for its key" }),
    );
  });
});
