// Package group shares the samples of a topic among the members of a consumer group: each sample goes to one member, which acknowledges
// it. If the member leaves or its process dies before, another member gets the sample, marked as Redelivered.
//
// Publishers and other subscribers of the topic know nothing of groups. Several groups of one topic are independent. There is no
// coordinator: a member that has room claims the oldest sample that is free, and a claim is a lock of the kernel, which ends with the
// process.
//
// # Guarantees
//
//   - While a member has a delivery, no other member gets its sample, also when its process is stopped.
//   - If no member dies, each sample that was published after the first member joined is acknowledged once.
//   - If members die or leave, a member that lives on delivers what they had claimed and not acknowledged, marked. What Ack has returned
//     for is not delivered again.
//   - Each member keeps every sample that is not acknowledged, at most MaxPending, then publishers wait. A member that joins takes the
//     samples that the others still have from the publishers' rings. What no ring has any more is lost if all members die that had it.
//   - The first member gets the newest sample of a latched publisher, and that of each key, marked: a former member may have acknowledged it.
//
// A process that is stopped keeps its deliveries. Publishers stop waiting for it after LosslessTimeout. Until it goes on or ends, no
// further member can join, because the new one could not tell the stopped one what it acknowledges.
//
// # Trust
//
// The members of a group trust each other: each user that may publish on the topics "$group/TOPIC/NAME/**" can acknowledge samples for
// the group, and each user of the domain can lock samples.
package group
