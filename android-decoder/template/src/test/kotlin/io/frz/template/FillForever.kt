package io.frz.template

import io.frz.loading.FrzPart
import java.io.File

/** Repeatedly fills a template into a folder and deletes the file again, until the process is killed. */
fun main(args: Array<String>) {
    fun part(name: String) = FrzPart.of(File("src/test/resources/$name"))

    fun fill() = FrzTemplate.fileLoader(part("synthetic.frt"), part("synthetic.frz"), File(args[0])).load().delete()
    fill()
    print('.')
    System.out.flush()
    while (true) fill()
}
