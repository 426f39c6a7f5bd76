import { deletionFacet, versionsFacet } from '../lineage/facets.ts';
import { PAYLOAD_VERSIONS } from '../schemas/payload.ts';
import type { CurrentSchemas } from '../schemas/registry.ts';
import type { RouteSpec } from './route.ts';
import { postCall, postCallEnd, postSegment } from './routes/calls.ts';
import { postMessage } from './routes/chats.ts';
import { postScreenshot } from './routes/screenshots.ts';

/** What channels send, what is sealed of it, and what collectors of lineage get: the schemas whose every version is kept in the registry. */
export const REGISTERED_SCHEMAS: CurrentSchemas = {
  'chat-message': bodyOf(postMessage),
  'call-recording': bodyOf(postCall),
  'call-segment': bodyOf(postSegment),
  'call-end': bodyOf(postCallEnd),
  screenshot: bodyOf(postScreenshot),
  'captured-payload': PAYLOAD_VERSIONS,
  'open-lineage-versions-facet': versionsFacet,
  'open-lineage-deletion-facet': deletionFacet,
};

function bodyOf({ path, body }: RouteSpec): NonNullable<RouteSpec['body']> {
  if (body === undefined) throw new Error(`${path} takes no body`);
  return body;
}
