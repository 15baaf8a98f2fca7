package record

import (
	"strings"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// Metadata keys with which other tools mark channels whose newest message is delivered to late subscribers.
const (
	keyOfferedQoS = "offered_qos_profiles" // rosbag2: YAML, a list of the publishers' QoS profiles
	keyQoS        = "qos"                  // DDS recorders: YAML, one profile
	keyLatching   = "latching"             // ROS 1: "true" or "1"
	keyCallerID   = "callerid"             // ROS 1: the node
)

// isLatched reports whether a recording marks a channel as latched. For a channel with several publishers, one latched
// publisher suffices.
func isLatched(c *mcapfile.Channel) bool {
	switch {
	case c.Metadata[keyLatched] == "true":
		return true
	case c.Metadata[keyLatching] == "true", c.Metadata[keyLatching] == "1":
		return true
	}
	return isTransientLocal(c.Metadata[keyOfferedQoS]) || isTransientLocal(c.Metadata[keyQoS])
}

// isTransientLocal looks for transient-local durability in a QoS profile. ROS 2 distributions write the policy as a number
// or as a word, in block or flow style. The function therefore searches for the key and does not parse the surrounding
// YAML.
func isTransientLocal(profile string) bool {
	const key = "durability"
	for {
		before, after, found := strings.Cut(profile, key)
		if !found {
			return false
		}
		profile = after
		if before != "" && isWordByte(before[len(before)-1]) {
			continue // the end of a longer key
		}
		value, ok := strings.CutPrefix(strings.TrimLeft(after, `"' `), ":")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, `"' `)
		end := 0
		for end < len(value) && isWordByte(value[end]) {
			end++
		}
		switch strings.ToLower(value[:end]) {
		case "1", "true", "transient_local":
			return true
		}
	}
}

func isWordByte(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
