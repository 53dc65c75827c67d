package ready

import "time"

// HistoryBehind: the server's read model is not yet, or no longer, what Kafka
// holds.
const HistoryBehind Code = "history_behind"

// Server is what keeps a server from its work.
type Server struct {
	Name  string
	Began time.Time
	// Complete says that the read model holds all that stood in Kafka when the
	// server began; Trouble why it does not go on, if so.
	Complete bool
	Trouble  string
}

// Reasons decides over it.
func (s Server) Reasons(time.Time) []Reason {
	role := Role{Name: s.Name}
	switch {
	case s.Trouble != "":
		return []Reason{role.because(HistoryBehind, s.Began, "its read model does not go on: %s", s.Trouble)}
	case !s.Complete:
		return []Reason{role.because(Starting, s.Began, "it reads what Kafka holds into its read model")}
	}
	return nil
}
