import { z } from 'zod';
import { isAnythingHeld } from '../../db/customer-export.ts';
import { EarshotError } from '../../domain/errors.ts';
import { writeCustomerArchive } from '../../export/customer-archive.ts';
import { route } from '../route.ts';
import { externalId } from '../schemas.ts';
import type { StreamedAnswer } from '../streamed-answer.ts';

export const getExport = route({
  method: 'get',
  path: '/v1/customers/{customerId}/export',
  scope: 'operator',
  summary: 'Hand out all that is held of a customer, decrypted, as a ZIP archive; each original is logged as seen',
  params: z.object({ customerId: externalId }),
  status: 200,
  answer: { mediaType: 'application/zip' },
  handle: async ({ deps, caller: { tenant, keyName }, params: { customerId } }): Promise<StreamedAnswer> => {
    const customer = { tenant, customerKey: deps.ids.customerKey(tenant, customerId), customerId, keyName };
    const held = await isAnythingHeld(deps.database.forTenant(tenant).reader, customer);
    if (!held) throw new EarshotError('not_found', 'nothing is held of this customer');
    return {
      fileName: `export-${customer.customerKey}.zip`,
      write: (output) => writeCustomerArchive(deps, customer, output),
    };
  },
});
