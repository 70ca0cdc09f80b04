package io.frz.template

import io.frz.loading.FrzPart
import java.io.File

/** Fills the template named by the second argument into a folder and deletes the file, until the process is killed. */
fun main(args: Array<String>) {
    fun part(name: String) = FrzPart.of(File("src/test/resources/$name"))

    fun fill() = FrzTemplate.fileLoader(part("${args[1]}.frt"), part("${args[1]}.frz"), File(args[0])).load().delete()
    fill()
    print('.')
    System.out.flush()
    while (true) fill()
}
