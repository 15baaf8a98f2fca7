// Package goal has goals: requests that take long, tell their progress, can be cancelled, and have a result that outlives the connection.
//
// A client starts a goal at the server of a name, such as "robot/arm/move". The server accepts or rejects it, runs its handler, and keeps
// the result. One process serves a name.
//
// # States
//
//	Start ──▶ Accepted ──▶ Running ──▶ Succeeded   the handler returned a result
//	  │          │            ├──────▶ Failed      the handler returned an error
//	  │          │            └──────▶ Cancelled   the handler's context had ended, and it returned that error
//	  │          └───────────────────▶ Cancelled   the goal was cancelled while it waited; the handler does not run
//	  └─▶ *RejectedError, with the reason
//
//	Accepted, Running ──▶ Lost                     at the client only: the server's process died
//
// An accepted goal waits until fewer than ServerOptions.Concurrency goals run. A state is seen by clients in this order; a client that is
// slow may not see one that lasts briefly.
//
// # Cancelling
//
// To ask, to be granted, and to be done are three things. Handle.Cancel asks and returns when the server has granted or refused it. A
// granted cancel ends the context of the handler, which then stops what it does and returns. The goal is done when it is Cancelled. A
// handler may also finish: a goal may be Succeeded or Failed after a cancel was granted. context.Cause says why the context ended:
// ErrCancelRequested, ErrPreempted, ErrClientsGone or ErrServerClosed.
//
// # Feedback
//
// A handler reports feedback with Goal.Feedback, which never waits for a client. A client gets the newest feedback that it has not
// received; older feedback is dropped. No feedback comes after the end of the goal.
//
// # Death
//
// The clients of a goal are the one that started it and those that found it by its id. When the last of them has left or died, or has
// taken nothing for ServerOptions.SendTimeout while service.Window updates waited, the goal is cancelled, unless the server has the option
// OutliveClients. A client that starts again finds the goal by its id with Client.Find, while it runs and until its result was taken, or
// ServerOptions.KeepResult after its end. A client whose server died has the state Lost at once: Result returns an error that wraps ErrLost.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package goal
