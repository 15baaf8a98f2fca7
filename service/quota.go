package service

import "github.com/shmbus/shmbus/registry"

// Each client takes a publisher of its server, whose participant has registry.MaxEndpoints.
const (
	maxOfProcess = 256                           // clients of one process at one server
	maxOfUser    = registry.MaxEndpoints / 4 * 3 // clients of one user at one server
)

// quotas keep one process or user from taking all places that a server has for clients.
type quotas struct {
	processes map[callerProcess]int
	users     map[int]int
}

// A callerProcess is what the kernel confirms of it. The processes of a user whose pid it does not confirm count as one.
type callerProcess struct{ uid, pid int }

func processOf(p registry.Participant) callerProcess {
	if p.PIDCheck == registry.PIDUnverified {
		return callerProcess{uid: p.UID}
	}
	return callerProcess{p.UID, p.PID}
}

// take counts a client of a participant, unless its process or user has as many as it may.
func (q *quotas) take(p registry.Participant) bool {
	of := processOf(p)
	if q.processes[of] >= maxOfProcess || q.users[p.UID] >= maxOfUser {
		return false
	}
	if q.processes == nil {
		q.processes, q.users = map[callerProcess]int{}, map[int]int{}
	}
	q.processes[of]++
	q.users[p.UID]++
	return true
}

// free ends what take has counted.
func (q *quotas) free(p registry.Participant) {
	of := processOf(p)
	if q.processes[of]--; q.processes[of] == 0 {
		delete(q.processes, of)
	}
	if q.users[p.UID]--; q.users[p.UID] == 0 {
		delete(q.users, p.UID)
	}
}
