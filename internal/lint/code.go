package lint

// Code names a lint, or in BF000 everything that makes a file invalid.
type Code string

// The codes. They are part of the interface: none is ever given a new meaning.
const (
	Invalid       Code = "BF000"
	Seconds       Code = "BF001"
	Never         Code = "BF002"
	Rare          Code = "BF003"
	ClockChange   Code = "BF004"
	EitherDay     Code = "BF005"
	QuartzDay     Code = "BF006"
	UnevenStep    Code = "BF007"
	Overlapping   Code = "BF008"
	WideJitter    Code = "BF009"
	SameSecond    Code = "BF010"
	LongCatchUp   Code = "BF011"
	EveryMinute   Code = "BF012"
	CalendarsLast Code = "BF013"
	Backgrounds   Code = "BF014"
)

// Severity says how sure it is that something is wrong.
type Severity string

// Errors make a file invalid. Warnings are of what is probably not meant,
// notes of what may surprise.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Lint describes a code.
type Lint struct {
	Code     Code
	Severity Severity
	Title    string
}

// Lints are all codes in order.
func Lints() []Lint {
	return []Lint{
		{Invalid, Error, "the file is not valid"},
		{Seconds, Warning, "seconds fire more often than was meant"},
		{Never, Warning, "the job never runs"},
		{Rare, Note, "the job runs rarely, or not in every month"},
		{ClockChange, Warning, "a due time lies inside a clock change"},
		{EitherDay, Warning, "day of month or day of week: either one will do"},
		{QuartzDay, Warning, "days of the week are numbered otherwise in Quartz"},
		{UnevenStep, Note, "a step does not divide its field"},
		{Overlapping, Warning, "runs may overlap with themselves"},
		{WideJitter, Note, "jitter is wider than the gap between due times"},
		{SameSecond, Note, "many jobs are due in the same second"},
		{LongCatchUp, Warning, "catching up could mean thousands of runs"},
		{EveryMinute, Warning, "due every minute of an hour"},
		{CalendarsLast, Warning, "a calendar comes to its end"},
		{Backgrounds, Warning, "a process in the background ends with its command"},
	}
}

// Describe returns what a code means; false if there is no such code.
func Describe(code Code) (Lint, bool) {
	for _, l := range Lints() {
		if l.Code == code {
			return l, true
		}
	}
	return Lint{}, false
}
