package mcapfile

import (
	"hash/crc32"

	"github.com/foxglove/mcap/go/mcap"
)

// rangesOf returns the metadata of the ranges of a chunk that the file does not have yet.
func (o *output) rangesOf(c *chunk) (records []*mcap.Metadata) {
	for _, r := range c.ranges {
		if o.ranges[r.Range] {
			continue
		}
		o.ranges[r.Range] = true
		records = o.putRange(records, r.channel, r.Range, r.sequence, o.passed(r.source, r.Range, r.sequence))
	}
	for _, p := range c.passed {
		records = o.putRange(records, p.channel, p.Range, p.sequence, p.n)
	}
	if len(o.repeated) == 0 {
		return records
	}
	for _, m := range c.latched {
		if passed := o.passed(m.source, m.rang, m.sequence); passed > 0 {
			records = o.putRange(records, m.channel.channel.ID, m.rang, m.sequence, passed)
		}
	}
	return records
}

// passed returns the number of messages that are not missing between the one of a source with which the file begins and the next one: they
// are in earlier files, or were not to be recorded.
func (o *output) passed(source any, r Range, sequence uint32) uint64 {
	k := o.repeated[source]
	if k == nil || source == nil {
		return 0
	}
	delete(o.repeated, source)
	return passedSince(k, sequence, r)
}

// putRange adds the metadata of a range, as far as the budget allows it.
func (o *output) putRange(records []*mcap.Metadata, channel uint16, r Range, from uint32, passed uint64) []*mcap.Metadata {
	if o.unknown[channel] {
		return records
	}
	name, key, value := r.Metadata(from, passed)
	if cost := len(key) + len(value); cost <= o.budget {
		o.budget -= cost
	} else {
		o.unknown[channel] = true
		name, key, value = r.Unknown(from)
	}
	return putMetadata(records, name, key, value)
}

func checksumOf(records []byte) uint32 { return crc32.ChecksumIEEE(records) }
