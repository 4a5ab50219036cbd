// The gRPC services that Citadel serves, for its server and its clients: Istio's signing API and JWT-SVIDs.
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { ServiceDefinition } from '@grpc/grpc-js';
import {
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../../gen/istio/v1/auth/ca_pb.js';
import {
  JwtSvidRequestSchema,
  type JwtSvidResponse,
  JwtSvidResponseSchema,
} from '../../../gen/periplus/citadel/v1/jwt_svid_pb.js';

function method<In extends DescMessage, Out extends DescMessage>(path: string, request: In, response: Out) {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: MessageShape<In>) => Buffer.from(toBinary(request, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(request, bytes),
    responseSerialize: (message: MessageShape<Out>) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(response, bytes),
  } as const;
}

/** `istio.v1.auth.IstioCertificateService`. */
export const certificateService = {
  CreateCertificate: method(
    '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    IstioCertificateRequestSchema,
    IstioCertificateResponseSchema,
  ),
} satisfies ServiceDefinition;

/** `periplus.citadel.v1.JwtSvidService`. */
export const jwtService = {
  FetchJwtSvid: method('/periplus.citadel.v1.JwtSvidService/FetchJwtSvid', JwtSvidRequestSchema, JwtSvidResponseSchema),
} satisfies ServiceDefinition;

/** The answer to a signing request. */
export function certificateResponse(certificateChain: readonly string[]): IstioCertificateResponse {
  return create(IstioCertificateResponseSchema, { certChain: [...certificateChain] });
}

/** The answer to a request for a token. */
export function jwtResponse(issued: { readonly spiffeId: string; readonly token: string }): JwtSvidResponse {
  return create(JwtSvidResponseSchema, { svids: [{ spiffeId: issued.spiffeId, svid: issued.token }] });
}
