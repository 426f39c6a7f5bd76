import { z } from 'zod';

/** Facets of Earshot's own; their schemas are in the registry, as `GET /v1/schemas` tells. */

const facet = { _producer: z.string(), _schemaURL: z.string() };

/** Run facet `earshot_versions`: which models and code a run used, by what each did. */
export const versionsFacet = z.strictObject({ ...facet, versions: z.record(z.string(), z.string()) });

/** Dataset facet `earshot_deletion`: how many rows, or versions of objects, a run deleted. */
export const deletionFacet = z.strictObject({ ...facet, rowCount: z.int().min(0) });

const SPEC = 'https://openlineage.io/spec/facets';

/** The published schema of each facet that is sent, and those of our own. */
export const FACET_SCHEMAS = {
  parent: `${SPEC}/1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet`,
  processing_engine: `${SPEC}/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet`,
  errorMessage: `${SPEC}/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet`,
  jobType: `${SPEC}/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet`,
  schema: `${SPEC}/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet`,
  columnLineage: `${SPEC}/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet`,
  inputStatistics: `${SPEC}/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet`,
  outputStatistics: `${SPEC}/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet`,
  dataQualityMetrics: `${SPEC}/1-0-0/DataQualityMetricsDatasetFacet.json#/$defs/DataQualityMetricsDatasetFacet`,
  dataQualityAssertions: `${SPEC}/1-0-1/DataQualityAssertionsDatasetFacet.json#/$defs/DataQualityAssertionsDatasetFacet`,
  earshot_versions: 'urn:earshot:schema:open-lineage-versions-facet:1',
  earshot_deletion: 'urn:earshot:schema:open-lineage-deletion-facet:1',
} as const;

export type FacetName = keyof typeof FACET_SCHEMAS;
