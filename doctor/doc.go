// Package doctor finds faults in a domain and explains them.
//
// Examine takes two snapshots of a domain, a moment apart, without joining it. It creates and changes nothing, wakes no
// process, and never waits for a process, in particular not for a stopped one. A reported state was present in both
// snapshots, because programs come and go during the examination, and an intermediate state is no fault. Losses and
// failures are those between the two snapshots.
//
// A finding says what is wrong and where, why it matters, and what helps. Suspicion is not reported as a fact: a stopped
// process is alive, and an invisible process may run in another pid namespace.
package doctor
