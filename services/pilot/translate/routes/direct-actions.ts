// Route actions that Envoy answers by itself: redirects and direct responses.
import { create } from '@bufbuild/protobuf';
import {
  type DirectResponseAction,
  DirectResponseActionSchema,
  type RedirectAction,
  RedirectAction_RedirectResponseCode,
  RedirectActionSchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { HTTPDirectResponse, HTTPRedirect } from '../../../../mesh/config/schemas/virtual-service.ts';

const codes = RedirectAction_RedirectResponseCode;
const responseCodes: Readonly<Record<number, RedirectAction_RedirectResponseCode>> = {
  0: codes.MOVED_PERMANENTLY,
  301: codes.MOVED_PERMANENTLY,
  302: codes.FOUND,
  303: codes.SEE_OTHER,
  307: codes.TEMPORARY_REDIRECT,
  308: codes.PERMANENT_REDIRECT,
};

/** Where a redirect is written for. */
export interface RedirectPlace {
  /** Port that requests arrive at; FROM_REQUEST_PORT uses it. */
  readonly port: number;
  readonly isTls: boolean;
}

/** A redirect; undefined when its code is none that Envoy can send. */
export function redirectAction(redirect: HTTPRedirect, place: RedirectPlace): RedirectAction | undefined {
  const responseCode = responseCodes[redirect.redirectCode ?? 0];
  if (responseCode === undefined) return undefined;
  return create(RedirectActionSchema, {
    hostRedirect: redirect.authority ?? '',
    portRedirect: redirectPort(redirect, place),
    responseCode,
    pathRewriteSpecifier: redirect.prefixRewrite
      ? { case: 'prefixRewrite', value: redirect.prefixRewrite }
      : { case: 'pathRedirect', value: redirect.uri ?? '' },
    ...(redirect.scheme ? { schemeRewriteSpecifier: { case: 'schemeRedirect' as const, value: redirect.scheme } } : {}),
  });
}

/** 0 leaves the port to the scheme: an explicit :80 or :443 is never shown where the scheme implies it. */
function redirectPort(redirect: HTTPRedirect, place: RedirectPlace): number {
  const port = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? place.port : 0);
  const scheme = redirect.scheme || (place.isTls ? 'https' : 'http');
  return (port === 80 && scheme === 'http') || (port === 443 && scheme === 'https') ? 0 : port;
}

/** A fixed response. */
export function directResponse(response: HTTPDirectResponse): DirectResponseAction {
  const { string, bytes } = response.body ?? {};
  const body =
    string !== undefined
      ? { specifier: { case: 'inlineString' as const, value: string } }
      : bytes !== undefined
        ? { specifier: { case: 'inlineBytes' as const, value: new Uint8Array(Buffer.from(bytes, 'base64')) } }
        : undefined;
  return create(DirectResponseActionSchema, { status: response.status, ...(body ? { body } : {}) });
}
