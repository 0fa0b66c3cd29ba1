import { clone } from '@bufbuild/protobuf';
import {
  CreateProxyRequestSchema,
  ImportProxiesRequestSchema,
  type ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { pageToken } from '#lib/requests/page-token.ts';
import { replayKey } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import type { Registry } from '../registry.ts';
import { createProxy } from './create.ts';
import { importProxies } from './import.ts';
import { proxyMessage, rowsThatFit } from './model.ts';
import { masked } from './passwords.ts';
import { removeProxy } from './removal.ts';
import { readImport, readListRequest, readWish, wishFields, type WishField } from './requests.ts';
import { listProxies, readProxy } from './store.ts';
import { updateProxy } from './update.ts';

export type ProxyHandlers = Pick<
  Handlers<typeof ProxyRegistryService>,
  'createProxy' | 'getProxy' | 'listProxies' | 'updateProxy' | 'deleteProxy' | 'importProxies'
>;

export function proxyRoutes(registry: Registry): ProxyHandlers {
  return {
    async createProxy(request, { principal }) {
      const violations: FieldViolation[] = [];
      const wish = readWish(violations, request.proxy);
      validate.requestId(violations, 'request_id', request.requestId);
      validate.throwIfAny(violations);
      const body = clone(CreateProxyRequestSchema, request);
      body.proxy!.password = masked(registry.masterKeys, wish.password);
      const replay = replayKey(principal, 'CreateProxy', request.requestId, CreateProxyRequestSchema, body);
      return createProxy(registry, { ...principal, replay }, wish);
    },

    async getProxy(request, { principal }) {
      const proxyId = onlyProxyId(request.proxyId);
      return { proxy: proxyMessage(await readProxy(registry.database.kysely, principal.tenantId, proxyId)) };
    },

    async listProxies(request, { principal: { tenantId } }) {
      const { filter, filterId, after, limit } = readListRequest(request, tenantId);
      const rows = await listProxies(registry.database.kysely, {
        tenantId,
        filter,
        after,
        limit: limit + 1,
        capacity: registry.settings.capacity,
      });
      const shown = rows.slice(0, rowsThatFit(rows.slice(0, limit)));
      const last = shown.at(-1);
      return {
        proxies: shown.map(proxyMessage),
        nextPageToken: last && shown.length < rows.length ? pageToken(filterId, last.ordinal) : '',
      };
    },

    async updateProxy({ proxy, updateMask }, { principal: { tenantId, subject } }) {
      const violations: FieldViolation[] = [];
      const proxyId = validate.uuid(violations, 'proxy.proxy_id', proxy?.proxyId ?? '');
      const etag = validate.text(violations, 'proxy.etag', proxy?.etag ?? '', { max: 64 });
      const fields = new Set(updateMask?.paths) as Set<WishField>;
      if (fields.size === 0 || [...fields].some((field) => !wishFields.includes(field)))
        violations.push({
          field: 'update_mask',
          description: `must name at least one of ${wishFields.join(', ')}, and nothing else`,
        });
      const wish = readWish(violations, proxy, fields);
      validate.throwIfAny(violations);
      const row = await updateProxy(registry, { tenantId, subject, proxyId, etag, fields, wish });
      return { proxy: proxyMessage(row) };
    },

    async deleteProxy(request, { principal: { tenantId, subject } }) {
      const proxyId = onlyProxyId(request.proxyId);
      await removeProxy(registry, { tenantId, subject, proxyId, force: request.force });
      return {};
    },

    async importProxies(request, { principal }) {
      const { labels, country } = readImport(request);
      const body = clone(ImportProxiesRequestSchema, request);
      body.list = masked(registry.masterKeys, request.list);
      const replay = replayKey(
        principal,
        'ImportProxies',
        request.requestId,
        ImportProxiesRequestSchema,
        body,
      );
      return importProxies(registry, { ...principal, replay }, { text: request.list, labels, country });
    },
  };
}

/** Of requests that name a proxy and nothing else. */
export function onlyProxyId(value: string): string {
  const violations: FieldViolation[] = [];
  const proxyId = validate.uuid(violations, 'proxy_id', value);
  validate.throwIfAny(violations);
  return proxyId;
}
