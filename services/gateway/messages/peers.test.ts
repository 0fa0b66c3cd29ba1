import { expect, test } from 'vitest';
import { peerNumber, receiverPeer } from './peers.ts';

test.each([
  ['user:5000000001', 5_000_000_001],
  ['chat:42', -42],
  ['channel:1234567890', -1_001_234_567_890],
  ['channel:5', -1_000_000_000_005],
])('%s is %d to who counts as Telethon does, and back', (peer, number) => {
  expect(peerNumber(peer)).toBe(number);
  expect(receiverPeer(String(number), '7')).toBe(peer);
});

test.each([
  ['ann_desk', '@ann_desk'],
  ['@ann_desk', '@ann_desk'],
  ['me', 'user:7'],
  ['+15550000001', '+15550000001'],
  ['https://t.me/ann', 'https://t.me/ann'],
  ['user:9', 'user:9'],
  ['anything else', 'anything else'],
])('a receiver: %s', (given, peer) => {
  expect(receiverPeer(given, '7')).toBe(peer);
});
