// One HTTP request from wherever this is started, the answer printed: all that a container needs of a browser.
//   node visit.mjs HOST

import { get } from 'node:http';

get({ host: process.argv[2], timeout: 2000 }, (response) => response.pipe(process.stdout))
  .on('timeout', function () {
    this.destroy(new Error('no answer within 2 s'));
  })
  .on('error', ({ message }) => {
    console.error(message);
    process.exitCode = 1;
  });
