package service

import (
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// Prefix begins the names of the topics that services use.
const Prefix = "$service/"

// MaxName is the longest name of a service, in bytes. The names of its topics are longer.
const MaxName = 180

// The last segments of topic names. A key and an endpoint follow those of requests, control and responses.
const (
	segmentServer   = "server"   // announcements of servers
	segmentFigures  = "figures"  // figures of servers
	segmentRequest  = "request"  // requests, to the server of the key that follows
	segmentControl  = "control"  // calls that are cancelled, and credit for streams, to the server of the key that follows
	segmentResponse = "response" // responses, to the request publisher that follows
)

// CheckName returns a *topic.NameError if name is not the name of a service: a topic name of at most MaxName bytes that does not begin
// with '$' or '/'.
func CheckName(name string) error {
	if err := registry.CheckTopic(name); err != nil {
		err.(*registry.NameError).What = "service name"
		return err
	}
	switch {
	case len(name) > MaxName:
		return &topic.NameError{What: "service name", Name: name, Rule: fmt.Sprintf("it must have at most %d bytes", MaxName)}
	case strings.HasPrefix(name, "$"), strings.HasPrefix(name, "/"):
		return &topic.NameError{What: "service name", Name: name, Rule: "it must not begin with '$' or '/'"}
	}
	return nil
}

// topicOf returns the name of one of a service's topics.
func topicOf(name string, segments ...string) string {
	return Prefix + name + "/" + strings.Join(segments, "/")
}

// ServiceOf returns the name of the service to which a topic belongs, and whether the topic carries requests or responses.
func ServiceOf(topicName string) (name, role string, ok bool) {
	rest, ok := strings.CutPrefix(topicName, Prefix)
	if !ok {
		return "", "", false
	}
	segments := strings.Split(rest, "/")
	for n, roles := 1, []string{segmentServer, segmentFigures}; n <= 2; n++ {
		if len(segments) > n {
			role := segments[len(segments)-n]
			for _, r := range roles {
				if role == r {
					return strings.Join(segments[:len(segments)-n], "/"), role, true
				}
			}
		}
		roles = []string{segmentRequest, segmentControl, segmentResponse}
	}
	return "", "", false
}
