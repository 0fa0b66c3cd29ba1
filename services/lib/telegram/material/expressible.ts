import { addressOf } from './data-centers.ts';
import { SessionNotExpressible } from './errors.ts';
import { packIp } from './ip-address.ts';
import type { Address, Material, MaterialFormat } from './material.ts';
import { faultOf } from './material.ts';

export function checkExpressible(format: MaterialFormat, material: Material): void {
  const fault = faultOf(material);
  if (fault !== undefined) throw new SessionNotExpressible(format, fault);
}

/** The address that the format must hold. */
export function expressibleAddress(format: MaterialFormat, material: Material): Address {
  const address = addressOf(material);
  if (address) return address;
  throw new SessionNotExpressible(
    format,
    `data centre ${material.dataCenter} is not one of Telegram's and the session has no address`,
  );
}

/** The same, for a format that holds the bytes of an IP address and no host name. */
export function expressibleIp(format: MaterialFormat, { host }: Address): Buffer {
  const ip = packIp(host);
  if (ip) return ip;
  throw new SessionNotExpressible(format, 'it holds an IP address only, and the session has a host name');
}
