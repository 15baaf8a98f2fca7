// Package doctor finds out what is wrong with a domain and explains it.
//
// Examine looks at a domain twice, a moment apart, without taking part in it: it creates nothing, changes nothing, wakes
// nobody, and waits for nobody, least of all for a process that is stopped. What it reports was so at both looks, because
// programs come and go while it looks, and what they do in between is no fault. Losses and failures are those between the looks.
//
// A finding says what is wrong and where, why that matters, and what helps. Nobody is condemned on suspicion: a process that is
// stopped is alive, and one that cannot be seen from here may live elsewhere.
package doctor
