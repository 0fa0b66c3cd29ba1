/** Sequences rise within this: an id alone may stand for different things in two services. */
export function entityKey(event: { subject: string; tenantId: string; entityId: string }): string {
  return `${serviceOf(event.subject)}/${event.tenantId}/${event.entityId}`;
}

function serviceOf(subject: string): string {
  return subject.split('.', 3)[2] ?? '';
}

/** The subject without the entity: a name for spans and metrics that does not grow with the data. */
export function subjectTemplate(subject: string): string {
  const parts = subject.split('.');
  return [...parts.slice(0, 3), '{entity}', ...parts.slice(4)].join('.');
}
