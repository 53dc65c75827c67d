// Package terminal owns how the output of a command is shown on a page: bytes
// in, lines of safe HTML out.
//
// A command may write anything, and whoever writes it may wish the reader ill.
// So everything is text until proven harmless: markup is escaped, colours
// become the names of classes, and every other control sequence is left out.
// Characters that would be invisible or would reorder the text (control characters,
// bytes that are no UTF-8, marks of direction and of no width) are shown as signs of
// their own.
//
// A Renderer goes from mid-line to mid-line as chunks come, so that a log can
// be followed. The states of its parser:
//
//	ground --ESC--> escape --[--> csi --final--> ground
//	                       --], P, X, ^, _--> text --BEL, ESC \--> ground
//	                       --other--> ground
//
// Bounds: a line of a page holds at most MaxLine bytes, the rest goes on in
// the next; a control sequence is MaxSequence bytes long at most, then the
// ground is taken again.
//
// It is pure: it must never import a clock, a context, the network or any
// package of Belfry.
package terminal
