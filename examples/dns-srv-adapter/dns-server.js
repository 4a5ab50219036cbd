// A DNS server for the tests: answers SRV and A questions over UDP from what it is told, or refuses to answer at all.
import dns2 from 'dns2';

/** RFC 2782 forbids compression of the target's name, which c-ares, Node's resolver, insists on and dns2 3.1.1 does not keep to. */
dns2.Packet.Resource.SRV.encode = ({ priority, weight, port, target }, writer) => {
  for (const number of [priority, weight, port]) writer.write(number, 16);
  for (const label of target.split('.')) {
    writer.write(label.length, 8);
    for (const byte of Buffer.from(label)) writer.write(byte, 8);
  }
  writer.write(0, 8);
};

/** Opens one on a free port of 127.0.0.1. */
export async function openDnsServer() {
  const { Packet } = dns2;
  const records = new Map();
  let answers = true;
  const server = dns2.createServer({
    udp: true,
    handle: (request, send) => {
      if (!answers) return;
      const response = Packet.createResponseFromRequest(request);
      for (const { name, type } of request.questions) {
        const found = (records.get(name.toLowerCase()) ?? []).filter((record) => record.type === type);
        response.answers.push(...found.map((record) => ({ ...record, name, class: Packet.CLASS.IN, ttl: 1 })));
      }
      void send(response);
    },
  });
  const { udp } = await server.listen({ udp: { port: 0, address: '127.0.0.1', type: 'udp4' } });
  return {
    address: `127.0.0.1:${udp.port}`,
    /** `record` has these targets, and each target this address. */
    set: (record, targets) => {
      const srv = targets.map(({ target, port, priority = 0, weight = 1 }) => ({
        type: Packet.TYPE.SRV,
        target,
        port,
        priority,
        weight,
      }));
      records.set(record.toLowerCase(), srv);
      for (const { target, address } of targets) records.set(target, [{ type: Packet.TYPE.A, address }]);
    },
    /** Whether it answers. */
    answer: async (wanted) => {
      answers = wanted;
    },
    close: () => server.close(),
  };
}
