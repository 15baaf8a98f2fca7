package services

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

var errTooLarge = errors.New("it is too large")

// Bounds of the parameters that are read.
const (
	maxParameters = 4096
	maxValue      = 500 // bytes of a value or description that are kept
)

// A Parameter is a parameter of a participant.
type Parameter struct {
	Owner       registry.Participant
	Name, Type  string
	Value       string // as text; cut
	Description string // cut
	ReadOnly    bool
	Revision    uint64
}

// Parameters returns the parameters of all participants, by unit, id and name; cut if there are more.
func Parameters(ctx context.Context, self *topic.Participant) (list []Parameter, cut bool, err error) {
	type key struct {
		owner registry.ID
		name  string
	}
	all := make(map[key]Parameter)
	for i, err := range param.Find(ctx, self) {
		if err != nil {
			return nil, false, err
		}
		k := key{i.Owner.ID, i.Name}
		if _, known := all[k]; !known && len(all) == maxParameters {
			cut = true
			continue
		}
		all[k] = Parameter{i.Owner, i.Name, i.Value.Kind().String(), cutText(i.Value.String()), cutText(i.Description), i.ReadOnly, i.Revision}
	}
	for _, p := range all {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Parameter) int {
		return cmp.Or(cmp.Compare(a.Owner.Unit, b.Owner.Unit), cmp.Compare(a.Owner.ID, b.Owner.ID), cmp.Compare(a.Name, b.Name))
	})
	return list, cut, nil
}

func cutText(s string) string {
	if len(s) <= maxValue {
		return s
	}
	return string(append([]byte(s[:maxValue]), "…"...)) // a copy, so that the rest is not kept
}
