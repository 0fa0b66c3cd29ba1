import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { implement, type Handlers, type Implementation } from '#lib/rpc/implement.ts';
import { NotServedYet } from './errors.ts';

export type EngagementHandlers = Handlers<typeof EngagementService>;

/** Each capability brings the handlers of its calls. */
export function engagementRoutes(handlers: Partial<EngagementHandlers>): Implementation {
  return implement(
    EngagementService,
    { ...notServedYet, ...handlers },
    {
      registerTarget: 'engage:write',
      verifyTarget: 'engage:write',
      listTargets: 'engage:read',
      createCampaign: 'engage:write',
      getCampaign: 'engage:read',
      listCampaigns: 'engage:read',
      pauseCampaign: 'engage:write',
      resumeCampaign: 'engage:write',
      cancelCampaign: 'engage:write',
      previewCampaign: 'engage:read',
      watchCampaign: 'engage:read',
      listActions: 'engage:read',
      setKillSwitch: 'engage:write',
      getKillSwitch: 'engage:read',
      getLimits: 'engage:read',
    },
    { longLived: ['watchCampaign'] },
  );
}

const refuse = (): Promise<never> => Promise.reject(new NotServedYet());

const notServedYet: EngagementHandlers = {
  registerTarget: refuse,
  verifyTarget: refuse,
  listTargets: refuse,
  createCampaign: refuse,
  getCampaign: refuse,
  listCampaigns: refuse,
  pauseCampaign: refuse,
  resumeCampaign: refuse,
  cancelCampaign: refuse,
  previewCampaign: refuse,
  watchCampaign: refuse,
  listActions: refuse,
  setKillSwitch: refuse,
  getKillSwitch: refuse,
  getLimits: refuse,
};
