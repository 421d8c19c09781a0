import { status } from '../state/live.ts';
import { BehindSection } from './behind-section.tsx';
import { ChannelSection } from './channel-section.tsx';
import { ChartSection } from './chart-section.tsx';
import { HeldSection } from './held-section.tsx';
import { SyncSection } from './sync-section.tsx';
import { VerdictBanner } from './verdict-banner.tsx';

export function Overview() {
  if (status.value === undefined) return <h1 class="hidden">Replication</h1>;
  return (
    <>
      <VerdictBanner status={status.value} />
      <HeldSection />
      <BehindSection />
      <ChannelSection channels={status.value.channels} />
      <ChartSection />
      <SyncSection />
    </>
  );
}
