package record

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/service"
)

// wants reports whether a topic is to be recorded. The type is not known yet. Topics of services are selected by the name of the service.
func (o *RecordOptions) wants(topic string) bool {
	if name, _, ok := callTopic(topic); ok {
		return !o.NoServices && o.wantsName(name)
	}
	return !strings.HasPrefix(topic, "$") && o.wantsName(topic)
}

// triggerOn describes a message on a topic as a trigger; "" = it is none. Messages of services have the names that they have in a file.
func (o *RecordOptions) triggerOn(topic string) string {
	if o.Trigger == nil {
		return ""
	}
	if name, role, ok := callTopic(topic); ok {
		if role == roleControl {
			role = roleCalls
		}
		topic = service.Prefix + name + "/" + role
	} else if strings.HasPrefix(topic, "$") {
		return ""
	}
	if !matches(o.Trigger.Topics, topic) {
		return ""
	}
	return "a message on " + topic
}

// patterns are those of the topics that are received besides "**".
func (o *RecordOptions) patterns() []string {
	if o.NoServices {
		return nil
	}
	return []string{service.Prefix + "**"}
}

func (o *RecordOptions) wantsName(topic string) bool {
	if matches(o.Exclude, topic) {
		return false
	}
	if len(o.Topics) == 0 && o.Include == nil {
		return true
	}
	return slices.Contains(o.Topics, topic) || matches(o.Include, topic)
}

// records reports whether the messages of a publisher are to be recorded. calls are its callDescriptions: the type of those without a value
// does not count.
func (o *RecordOptions) records(topic, kind string, calls []description) bool {
	return o.wants(topic) && (o.wantsType(kind) || len(calls) == 1)
}

// wantsType reports whether messages of a type are to be recorded.
func (o *RecordOptions) wantsType(name string) bool {
	return (o.IncludeTypes == nil || o.IncludeTypes.MatchString(name)) && !matches(o.ExcludeTypes, name)
}

func matches(re *regexp.Regexp, text string) bool { return re != nil && re.MatchString(text) }
