import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DependencyUnavailable, DomainError } from '#lib/rpc/errors.ts';

export class NotServedYet extends DependencyUnavailable {
  constructor() {
    super('This method of EngagementService');
  }
}

/** No account of the tenant is known to administer the channel. */
export class TargetNotVerified extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TARGET_NOT_VERIFIED;

  constructor(target: string, why: string) {
    super(why, { target });
    this.preconditions = [{ type: 'TARGET', subject: target, description: why }];
  }
}

/** The account is there but may not act in campaigns until it has logged in here. */
export class NeedsLogin extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.NEEDS_LOGIN;

  constructor(accountId: string, why: string) {
    super(why, { account_id: accountId });
    this.preconditions = [{ type: 'ACCOUNT', subject: `accounts/${accountId}`, description: why }];
  }
}

export class AccountBanned extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.ACCOUNT_BANNED;

  constructor(accountId: string, state: 'banned' | 'frozen') {
    super(`Telegram has the account ${accountId} ${state}. Leave it out.`, { account_id: accountId, state });
    this.preconditions = [{ type: 'ACCOUNT', subject: `accounts/${accountId}`, description: state }];
  }
}

/** A kill switch is on. */
export class EngagementStopped extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.ENGAGEMENT_STOPPED;

  constructor(scope: 'tenant' | 'mesh', why: string) {
    super(
      `All engagement of ${scope === 'mesh' ? 'the mesh' : 'the tenant'} is stopped${why === '' ? '' : `: ${why}`}. ` +
        'It can go on when the kill switch is lifted (SetKillSwitch).',
      { scope },
    );
    this.preconditions = [{ type: 'KILL_SWITCH', subject: scope, description: 'it is on' }];
  }
}

export class CampaignEnded extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.CAMPAIGN_ENDED;

  constructor(campaignId: string, state: 'done' | 'cancelled') {
    super(`The campaign ${campaignId} ${state === 'done' ? 'is done' : 'was cancelled'}. Create another.`, {
      campaign_id: campaignId,
      state,
    });
    this.preconditions = [{ type: 'CAMPAIGN', subject: `campaigns/${campaignId}`, description: state }];
  }
}
