package io.frz.internal.directory

/** The names of a group: [size] consecutive names, starting with number [first]. */
internal class NameRange(private val name: (number: Int) -> String, val first: Int, val size: Int) {
    operator fun get(i: Int): String = name(first + i)
}
