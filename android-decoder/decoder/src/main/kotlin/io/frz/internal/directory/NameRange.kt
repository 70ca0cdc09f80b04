package io.frz.internal.directory

/** The names of a group: [size] of all those that [name] gives, from number [first] on. */
internal class NameRange(private val name: (number: Int) -> String, val first: Int, val size: Int) {
    operator fun get(i: Int): String = name(first + i)
}
