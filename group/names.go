package group

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Prefix begins the names of the topics on which members of groups publish.
const Prefix = "$group/"

// MaxName is the longest sum of the names of topic and group, in bytes.
const MaxName = 230

const (
	segmentMember  = "member"  // announcements of members
	segmentAccount = "account" // what members have claimed, and what is acknowledged
)

// checkNames returns a *topic.NameError if a group cannot have these names.
func checkNames(topicName, group string) error {
	if err := registry.CheckTopic(topicName); err != nil {
		return err
	}
	if err := registry.CheckTopic(group); err != nil {
		err.(*registry.NameError).What = "group name"
		return err
	}
	switch {
	case strings.HasPrefix(topicName, "$"), strings.HasPrefix(topicName, "/"):
		return &topic.NameError{What: "topic of a group", Name: topicName, Rule: "it must not begin with '$' or '/'"}
	case strings.ContainsAny(group, "/$"):
		return &topic.NameError{What: "group name", Name: group, Rule: "it must hold no '/' and no '$'"}
	case len(topicName)+len(group) > MaxName:
		return &topic.NameError{What: "group name", Name: group, Rule: fmt.Sprintf("it and the topic's name must have at most %d bytes together", MaxName)}
	}
	return nil
}

func topicOf(topicName, group, segment string) string {
	return Prefix + topicName + "/" + group + "/" + segment
}

// Places of members are above those of samples. A group has a range for its members, and one for each publisher of its topic.
const (
	memberPlaces = 1 << 62
	memberBits   = 32 // of a member's number
)

// placesOf returns the first place of a group's members.
func placesOf(topicName, group string) int64 {
	h := sha256.Sum256([]byte(topicOf(topicName, group, segmentMember)))
	return memberPlaces + int64(binary.BigEndian.Uint64(h[:])>>(2+memberBits)<<memberBits)
}

// placeBefore returns the place before that of a publisher's first sample.
func placeBefore(topicName, group string, pub topic.PublisherID) int64 {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %016x %d", topicOf(topicName, group, segmentAccount), uint64(pub.Participant), pub.Number))
	return int64(binary.BigEndian.Uint64(h[:]) >> 2)
}

// placeOf returns the place of the sample whose lock is the claim to it.
func placeOf(before int64, sequence uint64) int64 {
	return int64((uint64(before) + sequence) % memberPlaces)
}
