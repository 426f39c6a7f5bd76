import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { EarshotError } from '../domain/errors.ts';
import { MODALITY_OF, type Channel } from '../domain/interaction.ts';
import { TENANT_ATTRIBUTE } from '../domain/workflows.ts';

const TENANT = defineSearchAttributeKey(TENANT_ATTRIBUTE, SearchAttributeType.KEYWORD);
const CHANNEL = defineSearchAttributeKey('channel', SearchAttributeType.KEYWORD);
const MODALITY = defineSearchAttributeKey('modality', SearchAttributeType.KEYWORD);
const CUSTOMER_KEY = defineSearchAttributeKey('customerKey', SearchAttributeType.KEYWORD);

/** By which operators find runs. The customer appears as a keyed hash alone. */
export function searchAttributes(tenant: string, channel: Channel, customerKey: string): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: TENANT, value: tenant },
    { key: CHANNEL, value: channel },
    { key: MODALITY, value: MODALITY_OF[channel] },
    { key: CUSTOMER_KEY, value: customerKey },
  ]);
}

/** Of a run that is no session's and works on what one customer sent: an erasure finds it. */
export function customerAttributes(tenant: string, customerKey: string): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: TENANT, value: tenant },
    { key: CUSTOMER_KEY, value: customerKey },
  ]);
}

/** Of a run that belongs to no customer. */
export function tenantAttribute(tenant: string): TypedSearchAttributes {
  return new TypedSearchAttributes([{ key: TENANT, value: tenant }]);
}

const KEYWORD = 2;

/** Registers the search attributes where the namespace lacks them. */
export async function ensureSearchAttributes(connection: NativeConnection, namespace: string): Promise<void> {
  const wanted = [TENANT, CHANNEL, MODALITY, CUSTOMER_KEY].map(({ name }) => name);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = wanted.filter((name) => !(name in customAttributes));
    if (missing.length === 0) return;
    const types = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: types });
  } catch (error) {
    throw new EarshotError(
      'misconfigured',
      `TEMPORAL_NAMESPACE ${namespace}: the search attributes ${wanted.join(', ')} (Keyword) cannot be registered; ` +
        'create the namespace, and on Temporal Cloud add them by hand',
      { cause: error },
    );
  }
}
