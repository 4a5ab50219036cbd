// The ratings service: stars by reviewer.
import { sendJson, serve } from './service.js';

serve('ratings', [
  [
    /^\/ratings\/(\d+)$/,
    (_, response, match) => sendJson(response, 200, { id: Number(match[1]), ratings: { Reviewer1: 5, Reviewer2: 4 } }),
  ],
]);
