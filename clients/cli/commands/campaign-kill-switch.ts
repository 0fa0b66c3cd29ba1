import type { KillSwitch } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import {
  EngagementService,
  GetKillSwitchResponseSchema,
  KillSwitchScope,
  SetKillSwitchResponseSchema,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { Misuse } from '../misuse.ts';
import { sheet } from '../terminal/table.ts';
import { moment } from '../terminal/times.ts';

export const campaignKillSwitch = command({
  name: 'campaign kill-switch',
  summary:
    'stops every campaign of the tenant at once, or frees them; without on or off it shows how it stands',
  operands: ['[on|off]'],
  options: {
    mesh: { type: 'boolean', doc: 'of the whole mesh: for the operator' },
    reason: { type: 'string', value: 'TEXT', doc: 'why, for the record' },
  },
  examples: ['telegate campaign kill-switch on --reason "complaints"', 'telegate campaign kill-switch'],
  async run({ operands, values, service, out, clock }) {
    const [wanted] = operands;
    const engagement = service(EngagementService);
    const line = (one: KillSwitch | undefined): string => {
      if (!one?.setTime) return 'off';
      const why = one.reason === '' ? '' : `: ${one.reason}`;
      return `${one.on ? 'on' : 'off'} since ${moment(one.setTime, clock.now())}, by ${one.subject}${why}`;
    };
    if (wanted === undefined) {
      const response = await engagement.call((client) => client.getKillSwitch({}));
      out.answer(GetKillSwitchResponseSchema, response, () =>
        sheet([
          ['tenant', line(response.tenant)],
          ['mesh', line(response.mesh)],
        ]),
      );
      return exitCode.ok;
    }
    if (wanted !== 'on' && wanted !== 'off') throw new Misuse('The kill switch is turned on or off.');
    const request = {
      scope: values.mesh === true ? KillSwitchScope.MESH : KillSwitchScope.TENANT,
      on: wanted === 'on',
      reason: values.reason ?? '',
    };
    const response = await engagement.call((client) => client.setKillSwitch(request));
    out.answer(SetKillSwitchResponseSchema, response, () =>
      sheet([
        [values.mesh === true ? 'mesh' : 'tenant', line(response.killSwitch)],
        ['campaigns paused', String(response.pausedCount)],
      ]),
    );
    return exitCode.ok;
  },
});
