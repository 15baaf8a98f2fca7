package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Select returns the workloads and peers in only, or all if only is empty, without those in skip. A name is the key of a peer or of a
// workload. A peer in only is compared in all selected workloads. A workload without selected peers is left out,
// unless its figures are compared with none.
func Select(all []Workload, only, skip []string) ([]Workload, error) {
	known := map[string]bool{}
	for _, w := range all {
		known[w.Key] = true
		for _, p := range w.Peers {
			known[p.Key] = true
		}
	}
	for _, name := range slices.Concat(only, skip) {
		if !known[name] {
			return nil, fmt.Errorf("no peer and no workload is called %q; there are: %s", name, strings.Join(names(all), ", "))
		}
	}
	workloads, peers := split(all, only)
	var selected []Workload
	for _, w := range all {
		if slices.Contains(skip, w.Key) || len(workloads) > 0 && !slices.Contains(workloads, w.Key) {
			continue
		}
		var kept []Peer
		for _, p := range w.Peers {
			if !slices.Contains(skip, p.Key) && (len(peers) == 0 || slices.Contains(peers, p.Key)) {
				kept = append(kept, p)
			}
		}
		if len(kept) > 0 || len(w.Alone) > 0 && len(peers) == 0 {
			w.Peers = kept
			selected = append(selected, w)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("nothing is left to compare")
	}
	return selected, nil
}

// split separates the names of workloads from those of peers.
func split(all []Workload, only []string) (workloads, peers []string) {
	for _, name := range only {
		if slices.ContainsFunc(all, func(w Workload) bool { return w.Key == name }) {
			workloads = append(workloads, name)
		} else {
			peers = append(peers, name)
		}
	}
	return workloads, peers
}

// names are the keys of the workloads, then those of the peers.
func names(all []Workload) (list []string) {
	for _, w := range all {
		list = append(list, w.Key)
	}
	for _, w := range all {
		for _, p := range w.Peers {
			if !slices.Contains(list, p.Key) {
				list = append(list, p.Key)
			}
		}
	}
	return list
}
