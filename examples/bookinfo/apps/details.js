// The details service: facts about a book.
import { sendJson, serve } from './service.js';

serve('details', [
  [
    /^\/details\/(\d+)$/,
    (_, response, match) =>
      sendJson(response, 200, {
        id: Number(match[1]),
        author: 'William Shakespeare',
        year: 1595,
        type: 'paperback',
        pages: 200,
        publisher: 'PublisherA',
        language: 'English',
        'ISBN-10': '1234567890',
        'ISBN-13': '123-1234567890',
      }),
  ],
]);
