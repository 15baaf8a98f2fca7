// Command shmrec records the topics of a shmbus domain to an MCAP file, plays MCAP files of any tool back into a domain, and
// says what is in one.
package main
