pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
        maven { url = uri("../../target/repository") } // written by `mvn -Ppublish deploy`
    }
}

rootProject.name = "frz-demo"
include(":app")
