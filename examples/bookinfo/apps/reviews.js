// The reviews service: v1 shows no stars, v2 black ones and v3 red ones, which it has from ratings.
import { call, sendJson, serve, settings } from './service.js';

const starColors = { v2: 'black', v3: 'red' };
const texts = {
  Reviewer1: 'Two pairs of twins, one town, and not one dull minute. Shakespeare was clearly enjoying himself.',
  Reviewer2: 'Great fun, though anybody could have solved it all in the first act by asking a single question.',
};

serve('reviews', [
  [
    /^\/reviews\/(\d+)$/,
    async (request, response, match) => {
      const color = starColors[settings.version];
      const answer = color ? await call('ratings', `/ratings/${match[1]}`, request) : undefined;
      const reviews = Object.entries(texts).map(([reviewer, text]) => {
        if (!answer) return { reviewer, text };
        const stars = answer.status === 200 ? answer.body?.ratings?.[reviewer] : undefined;
        return {
          reviewer,
          text,
          rating: stars ? { stars, color } : { error: 'Ratings service is currently unavailable' },
        };
      });
      sendJson(response, 200, {
        id: match[1],
        podname: settings.instance,
        clustername: 'demo',
        reviews,
        version: settings.version,
      });
    },
  ],
]);
