package io.frz.internal.directory

/** The names of a group: [size] consecutive results of [name], from number [first] on. */
internal class NameRange(private val name: (number: Int) -> String, val first: Int, val size: Int) {
    operator fun get(i: Int): String = name(first + i)
}
